local c,o,p,d,s=unpack(KEYS)
local e,n,x,b,m,a,w,y,u,l,i,z=unpack(ARGV)
local R=redis.call
local t=R('TIME')[1]
local v=R('GET',c) or ''
local r={i,'0',t,v}
local g=s and R('GET',s)
if g and g~=c and (v=='' or v==e) then return {i,'3',t,''} end
if w>'0' then
local function live(q)
return (tonumber(q:sub(31,32)..q:sub(29,30)..q:sub(27,28)..q:sub(25,26),16) or 0)>tonumber(t)
end
local function idle(q)
if #q~=176 then return end
if q:find('^0303') or (q:find('^0403') and not live(q)) then return true end
if w>='2' then return q:find('^01') and not live(q) end
return (q:find('^02..0[01]0[0145]') or q:find('^04')) and live(q)
end
for _,s in ipairs(R('ZREVRANGEBYSCORE',o,'+inf','('..t)) do
local q=s~=m and not w:find(s,2,true) and #r<516 and R('GET',b..s)
if q and q:find('^0[57]') then R('ZREM',o,s)
elseif q and not idle(q) then r[#r+1]=s r[#r+1]=q end
end
if v==e and #r>4 then r[2]='2' return r end
end
if v~=e then return r end
if l~='' and tonumber(l)<=tonumber(t) then return {i,'4',t,''} end
if s and (not g or t+R('TTL',s)<tonumber(z)) then R('SET',s,c) R('EXPIREAT',s,z) end
local f=string.format('%d',math.max(x,t)+5)
if n=='' then R('DEL',c) else R('SET',c,n) R('EXPIREAT',c,f) end
if a=='+' then
R('ZREMRANGEBYSCORE',o,'-inf',t)
if R('ZSCORE',o,m) or R('ZCARD',o)<256 then R('ZADD',o,f,m) end
R('EXPIREAT',o,string.format('%d',R('ZREVRANGE',o,0,0,'WITHSCORES')[2]))
elseif a=='-' then R('ZREM',o,m) end
local k=''
if y=='-' then R('DEL',p) elseif #y>1 then R('SET',p,y) R('EXPIREAT',p,f) elseif n~='' then
if y=='?' then k=R('GET',p) or '' end
R('EXPIREAT',p,f)
end
if u=='-' then R('ZREM',d,c) elseif u~='' then R('ZADD',d,u,c) end
return {i,'1',t,k}
