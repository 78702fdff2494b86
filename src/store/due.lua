local P,n,i=unpack(ARGV,1,3)
local R=redis.call
local t=R('TIME')[1]
local r,z={i,t},0
local q=R('ZRANGEBYSCORE',KEYS[1],'-inf',t..'.9','WITHSCORES','LIMIT',0,n)
for j=1,#q,2 do
local k,l=q[j],q[j+1]%1*8
local v=R('GET',k)
if not v then R('ZREM',KEYS[1],k)
elseif z<24576 then
local y=R('GET',P..'p:'..string.sub(k,#P+3)) or ''
R('ZADD',KEYS[1],string.format('%.3f',t+(ARGV[4+l] or ARGV[#ARGV])+math.min(l+1,7)/8),k)
r[#r+1]=k r[#r+1]=v r[#r+1]=y
z=z+#k+#v+#y
end
end
return r
